"""The proxy before the services: kept running, told who takes which requests, its log read."""
