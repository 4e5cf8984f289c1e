"""The Toucan Toco trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.triggers.base import RunTrigger

if TYPE_CHECKING:
    from airflow_provider_dataops.core.api import Watch
    from airflow_provider_dataops.hooks.toucan import ToucanHook
    from airflow_provider_dataops.platforms.toucan.api import ToucanApi


class ToucanOperationTrigger(RunTrigger):
    """Waits for the end of one operation.

    :param small_app: where it works.
    :param stage: ``staging``, or empty for production; it decides the link alone.
    """

    small_app: str
    stage: str = ""

    noun: ClassVar[str] = "operation"

    def hook_class(self) -> type[ToucanHook]:
        """Return the hook's class."""
        from airflow_provider_dataops.hooks.toucan import ToucanHook

        return ToucanHook

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(small_app=self.small_app)
        if self.stage != "":
            require_text(stage=self.stage)

    def watch(self, api: Any) -> Watch:
        """Return how the small app is asked."""
        from airflow_provider_dataops.platforms.toucan.runs import OperationWatch

        return OperationWatch(api=api, small_app=self.small_app)

    def url(self, api: ToucanApi) -> str:
        """Return the link to the small app."""
        return api.app_url(self.small_app, self.stage or None, self.run_id)
