"""The dashboard: one page that shows the fleet live."""
