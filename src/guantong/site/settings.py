"""Django's settings, derived from the node's. Nothing here is secret and nothing is set twice."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from guantong.site.node import node_settings

NODE = node_settings()
_HERE = Path(__file__).parent

DEBUG = False
SECRET_KEY = NODE.secret_key or ("development-only-" + NODE.name).ljust(64, "-")
ALLOWED_HOSTS = [str(urlsplit(NODE.web_url).hostname), NODE.host]
if NODE.development:
    ALLOWED_HOSTS.append("localhost")
CSRF_TRUSTED_ORIGINS = [NODE.web_url]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "guantong.journal",
    "guantong.identity",
    "guantong.notices",
    "guantong.workflow",
    "guantong.catalog",
    "guantong.sharing",
    "guantong.dispatch",
    "guantong.risk",
    "guantong.federation",
    "guantong.counter",
    "guantong.site",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "guantong.site.middleware.protective_headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "guantong.site.middleware.chinese_first",
    "django.middleware.locale.LocaleMiddleware",
    "guantong.site.middleware.bounds",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "guantong.site.middleware.refusals",
]

ROOT_URLCONF = "guantong.site.urls"
WSGI_APPLICATION = "guantong.site.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "guantong.site.context.node",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "guantong.site.templatetags.words",
            ],
        },
    }
]


def _database(url: str) -> dict[str, object]:
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": NODE.home / "control.sqlite3",
            "CONN_MAX_AGE": 60,
            "OPTIONS": {
                "timeout": 20,
                # Take the write lock when the transaction begins, so that nobody is refused half-way.
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
            },
        }
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
    }


DATABASES = {"default": _database(NODE.database_url)}

AUTH_USER_MODEL = "identity.Person"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
]

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "中文"), ("en", "English")]
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True
USE_I18N = True

STATIC_URL = "static/"
STATICFILES_DIRS = [_HERE / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

_IS_HTTPS = urlsplit(NODE.web_url).scheme == "https"
# Three nodes of a demo town share one host name; their cookies must not meet.
SESSION_COOKIE_NAME = f"guantong_{NODE.node}_session"
CSRF_COOKIE_NAME = f"guantong_{NODE.node}_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _IS_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
# A working day; nobody finds a session of yesterday on a shared machine.
SESSION_COOKIE_AGE = 10 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_FAILURE_VIEW = "guantong.site.views.failures.form_expired"
SECURE_HSTS_SECONDS = 31_536_000 if _IS_HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5_000_000

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
