"""What uvicorn serves: `uvicorn app.main:app`."""

from app.api import create_app
from app.logs import configure_logging
from app.services import Services
from app.settings import load_settings

settings = load_settings()
configure_logging(settings)
app = create_app(Services.from_settings(settings))
