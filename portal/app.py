"""The web application from its parts."""

import asyncio

from aiohttp import web

from envelopes.services import Services
from portal import face
from portal.face import FACE
from portal.middleware import compact, near, observe, same_origin, secure
from portal.respond import SERVICES
from portal.routes import ROUTES
from portal.shelf import SHELF, Shelf
from portal.verification import UPLOADS

FORM_BYTES = 64 * 1024  # the largest form is a reason of some hundred characters


def create_app(services: Services) -> web.Application:
    """Return the portal. The database is open already; the caller serves it and closes what it opened.

    Raises SettingsFaulty for a mark that cannot be used.
    """
    app = web.Application(
        middlewares=[observe, compact, secure, near, same_origin], client_max_size=FORM_BYTES
    )
    app[SERVICES] = services
    app[SHELF] = Shelf()
    app[FACE] = face.load(services.settings.town)
    app[UPLOADS] = asyncio.Semaphore(services.policy.verify_at_once)
    app.add_routes(ROUTES)
    return app
