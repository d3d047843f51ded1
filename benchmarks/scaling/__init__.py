"""Two miners, one store, one to three worker hosts: how throughput grows until the endpoints are busy."""
