"""What people read afterwards: report, trace and plan, as tables and pages."""
