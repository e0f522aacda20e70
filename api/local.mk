# api/
