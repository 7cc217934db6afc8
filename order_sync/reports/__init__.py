"""Reports for people: report, trace and plan, as data and as pages."""
