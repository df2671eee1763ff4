"""The console: a page for administrators, and what stands behind it.

The page itself holds nothing and is given to anybody. Everything that it shows is asked for with a key of scope
``admin``, from the page's own origin. Knows the rest of the proxy; nothing there knows of it but the app.
"""

from lethe.server.console.routes import add_console_routes

__all__ = ["add_console_routes"]
