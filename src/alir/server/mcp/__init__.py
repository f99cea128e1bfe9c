"""The Model Context Protocol: alir's tools, over HTTP and over stdin and stdout."""
