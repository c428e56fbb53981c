"""Support modules that several packages of tests share."""
