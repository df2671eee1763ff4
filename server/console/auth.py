"""Who may ask for what the console shows."""

from fastapi import Request

from lethe.server.access.access import Access
from lethe.server.access.keys import ApiKey, Scope
from lethe.server.errors import Forbidden


def administrator(request: Request, access: Access) -> ApiKey:
    """The key of an administrator, whose page is this server's own.

    Origins that the operator lets call the model from a browser (`Settings.cors_origins`) are not let in here.

    Raises
    ------
    Unauthorized
        The request bears no valid key.
    Forbidden
        Its key is no administrator's, or the request comes from another site's page.
    """
    key = access.identify(request.headers, Scope.ADMIN)
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise Forbidden("The console answers its own page alone.")
    return key
