"""The REST API: orders and questions to the cloud over HTTP."""
