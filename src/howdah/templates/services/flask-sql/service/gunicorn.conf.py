"""How gunicorn serves the app, here and in a container. Its documentation lists every setting."""

import os

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
chdir = "src"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))  # twice the cores and one more is a good beginning on a server
threads = 8
graceful_timeout = 5
loglevel = "warning"  # the kit logs the requests
control_socket_disable = True
