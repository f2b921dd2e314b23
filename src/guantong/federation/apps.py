"""Federation as a Django application."""

from django.apps import AppConfig


class FederationConfig(AppConfig):
    """Label ``federation``."""

    name = "guantong.federation"
    verbose_name = "级联"

    def ready(self) -> None:
        """Disputes go to the node above both parties; which that is, is known here."""
        # Models can be had only once every application is there.
        from guantong.federation.queries import common_superior  # noqa: PLC0415
        from guantong.sharing.queries import learn_superior  # noqa: PLC0415

        learn_superior(common_superior)
