SELECT [INFORMATION_SCHEMA].[COLUMNS].[TABLE_NAME], [INFORMATION_SCHEMA].[COLUMNS].[COLUMN_NAME], [INFORMATION_SCHEMA].[COLUMNS].[DATA_TYPE], [INFORMATION_SCHEMA].[COLUMNS].[CHARACTER_MAXIMUM_LENGTH], [INFORMATION_SCHEMA].[COLUMNS].[IS_NULLABLE], [INFORMATION_SCHEMA].[COLUMNS].[NUMERIC_PRECISION], [INFORMATION_SCHEMA].[COLUMNS].[NUMERIC_SCALE], [INFORMATION_SCHEMA].[COLUMNS].[DATETIME_PRECISION], [INFORMATION_SCHEMA].[COLUMNS].[COLLATION_NAME]
FROM [INFORMATION_SCHEMA].[COLUMNS]
WHERE [INFORMATION_SCHEMA].[COLUMNS].[TABLE_SCHEMA] = ? AND [INFORMATION_SCHEMA].[COLUMNS].[TABLE_NAME] IN (?);

SELECT index_columns.index_id, columns.name
FROM sys.index_columns AS index_columns JOIN sys.columns AS columns ON index_columns.object_id = columns.object_id AND index_columns.column_id = columns.column_id
WHERE index_columns.key_ordinal > ? AND index_columns.object_id = OBJECT_ID(?) ORDER BY index_columns.index_id, index_columns.key_ordinal;

SELECT [INFORMATION_SCHEMA].[KEY_COLUMN_USAGE].[COLUMN_NAME] AS name
FROM [INFORMATION_SCHEMA].[KEY_COLUMN_USAGE] JOIN [INFORMATION_SCHEMA].[TABLE_CONSTRAINTS] ON [INFORMATION_SCHEMA].[KEY_COLUMN_USAGE].[CONSTRAINT_SCHEMA] = [INFORMATION_SCHEMA].[TABLE_CONSTRAINTS].[CONSTRAINT_SCHEMA] AND [INFORMATION_SCHEMA].[KEY_COLUMN_USAGE].[CONSTRAINT_NAME] = [INFORMATION_SCHEMA].[TABLE_CONSTRAINTS].[CONSTRAINT_NAME]
WHERE [INFORMATION_SCHEMA].[KEY_COLUMN_USAGE].[TABLE_SCHEMA] = ? AND [INFORMATION_SCHEMA].[KEY_COLUMN_USAGE].[TABLE_NAME] = ? AND [INFORMATION_SCHEMA].[KEY_COLUMN_USAGE].[ORDINAL_POSITION] = ? AND [INFORMATION_SCHEMA].[TABLE_CONSTRAINTS].[CONSTRAINT_TYPE] IN (?, ?);

SELECT [INFORMATION_SCHEMA].[CHECK_CONSTRAINTS].[CONSTRAINT_NAME], [INFORMATION_SCHEMA].[CHECK_CONSTRAINTS].[CHECK_CLAUSE]
FROM [INFORMATION_SCHEMA].[CHECK_CONSTRAINTS] JOIN [INFORMATION_SCHEMA].[CONSTRAINT_COLUMN_USAGE] ON [INFORMATION_SCHEMA].[CONSTRAINT_COLUMN_USAGE].[CONSTRAINT_SCHEMA] = [INFORMATION_SCHEMA].[CHECK_CONSTRAINTS].[CONSTRAINT_SCHEMA] AND [INFORMATION_SCHEMA].[CONSTRAINT_COLUMN_USAGE].[CONSTRAINT_NAME] = [INFORMATION_SCHEMA].[CHECK_CONSTRAINTS].[CONSTRAINT_NAME]
WHERE [INFORMATION_SCHEMA].[CONSTRAINT_COLUMN_USAGE].[TABLE_SCHEMA] = ? AND [INFORMATION_SCHEMA].[CONSTRAINT_COLUMN_USAGE].[TABLE_NAME] = ? AND [INFORMATION_SCHEMA].[CONSTRAINT_COLUMN_USAGE].[COLUMN_NAME] = ?;

SELECT triggers.name
FROM sys.triggers AS triggers
WHERE triggers.is_disabled = ? AND triggers.parent_id = OBJECT_ID(?);

SELECT indexes.name AS index_name, columns.name AS column_name, indexes.type, indexes.has_filter, indexes.is_unique, indexes.is_primary_key, indexes.is_unique_constraint, index_columns.key_ordinal, index_columns.is_included_column, index_columns.is_descending_key
FROM sys.indexes AS indexes JOIN sys.index_columns AS index_columns ON index_columns.object_id = indexes.object_id AND index_columns.index_id = indexes.index_id JOIN sys.columns AS columns ON index_columns.object_id = columns.object_id AND index_columns.column_id = columns.column_id
WHERE indexes.object_id = OBJECT_ID(?);

SELECT default_constraints.name, default_constraints.definition
FROM sys.default_constraints AS default_constraints JOIN sys.columns AS columns ON columns.object_id = default_constraints.parent_object_id AND columns.column_id = default_constraints.parent_column_id
WHERE default_constraints.parent_object_id = OBJECT_ID(?) AND columns.name = ?;

SELECT computed_columns.name, computed_columns.definition
FROM sys.computed_columns AS computed_columns
WHERE computed_columns.object_id = OBJECT_ID(?);

SELECT CAST(DATABASEPROPERTYEX(DB_NAME(), ?) AS NVARCHAR(128)) AS [DATABASEPROPERTYEX_1];

SELECT HAS_PERMS_BY_NAME(?, ...) AS r0, HAS_PERMS_BY_NAME(?, ...) AS r1;

SELECT USER_NAME() AS [USER_NAME_1];
