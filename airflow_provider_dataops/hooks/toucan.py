"""The Toucan Toco hook."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.core.lineage import file_dataset
from airflow_provider_dataops.errors import ApiError, DataOpsError, InvalidArgumentError, UploadError
from airflow_provider_dataops.files.sources import sources
from airflow_provider_dataops.hooks.base import DataOpsHook, blocking
from airflow_provider_dataops.platforms.toucan import work as toucan_work
from airflow_provider_dataops.platforms.toucan.api import ToucanApi
from airflow_provider_dataops.platforms.toucan.lineage import data_source_dataset
from airflow_provider_dataops.platforms.toucan.model import Uploaded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from airflow_provider_dataops.files.sources import StoredFile
    from airflow_provider_dataops.platforms.toucan.model import Accepted, Operation

__all__ = ["ToucanHook", "Uploaded"]

#: How many files are uploaded at the same time, if a login has confirmed the credentials.
PARALLEL_UPLOADS = 4


class ToucanHook(DataOpsHook[ToucanApi]):
    """Calls Toucan Toco's Operations API.

    The hook does not send refused credentials again, because that locks the account. A call without
    ``small_app`` uses the small app of the connection. If you call a method that starts an operation
    twice, it starts two operations. If the response is lost, look at Toucan before you call again.

    :param toucan_conn_id: the Airflow connection, of type ``toucan``.
    """

    conn_name_attr = "toucan_conn_id"
    default_conn_name = "toucan_default"
    conn_type = "toucan"
    hook_name = "Toucan Toco"

    api_class = ToucanApi

    def __init__(self, toucan_conn_id: str = default_conn_name, **options: Any) -> None:
        super().__init__(toucan_conn_id, **options)

    def upload_data_source(
        self,
        *,
        source: str,
        filename: str | None = None,
        small_app: str | None = None,
        validation: bool = False,
        stage: str | None = None,
        upload_mode: str = toucan_work.PLAIN,
    ) -> list[Uploaded]:
        """Replace the files of data sources, and return the uploaded files.

        Files are streamed. With the ``auth_type`` ``login``, the first file is sent alone, and then four
        files at a time. With ``basic`` and ``bearer``, each request contains the credentials, and several
        refusals at once could lock the account. So one file is sent at a time. After a refusal, the hook
        sends no other file.

        :param source: a local path or the URL of an object store: a file, a folder, or a pattern with ``*``.
        :param filename: the name of the data source in the small app's configuration; the file's own name by
            default. Set it only if ``source`` is exactly one file.
        :param validation: if ``False``, ask the platform not to validate the upload. If ``True``, the request
            does not contain the parameter, because the vendor's guide shows only the value ``false``.
        :param stage: ``staging``; with ``None``, the request contains no stage.
        :param upload_mode: ``plain``, or ``dropzone`` for backends that need the form fields of a chunked
            upload. The hook sends each file as one chunk.
        :raises ApiError: if there is only one file and its upload failed.
        :raises UploadError: if there are several files and an upload failed; it lists every failure.
        """
        toucan_work.check_upload(filename, validation, stage, upload_mode)
        app = self.api.small_app(small_app)
        named = _named(sources(source), filename)
        killed = threading.Event()

        def end_if_killed(_position: int, _size: int | None) -> None:
            if killed.is_set():
                raise DataOpsError("the upload was stopped, because the task has ended")

        def send(file: StoredFile, name: str) -> Uploaded:
            upload_id = uuid4().hex if upload_mode == toucan_work.DROPZONE else ""
            exchange = self.api.upload_data_source(
                app,
                name,
                file,
                validation=validation,
                stage=stage,
                upload_id=upload_id,
                moved=end_if_killed,
            )
            accepted = self.run(exchange)
            self.log.info("Uploaded %s (%d bytes) to data source %s of %s", file.path, file.size, name, app)
            return Uploaded(str(file.path), name, accepted.operation_id)

        uploaded = [send(*named[0])] if len(named) == 1 else self._all_sent(named, send, killed)
        namespace = self.api.namespace(app)
        self.report(
            [file_dataset(str(file.path), file.size) for file, _ in named],
            [data_source_dataset(namespace, name, stage, file.size) for file, name in named],
        )
        return uploaded

    def _all_sent(
        self,
        named: list[tuple[StoredFile, str]],
        send: Callable[[StoredFile, str], Uploaded],
        killed: threading.Event,
    ) -> list[Uploaded]:
        """Send the files and return the uploads, in the order of the files.

        :param killed: is set when an exception such as a timeout ends the task. Then ``send`` must end soon.
        """
        refused = threading.Event()

        def attempt(file: StoredFile, name: str) -> Uploaded | Exception:
            if refused.is_set():
                return InvalidArgumentError(
                    "not sent, because Toucan refused the credentials for another file"
                )
            try:
                return send(file, name)
            except Exception as error:
                self.log.error("%s was not uploaded: %s", file.path, error)
                if isinstance(error, ApiError) and error.locks_out:
                    refused.set()
                return error

        first, *others = named
        outcomes = [attempt(*first)]
        if self.api.token is None:
            outcomes += [attempt(*pair) for pair in others]
        else:
            pool = ThreadPoolExecutor(PARALLEL_UPLOADS, thread_name_prefix="upload")
            try:
                futures = [
                    pool.submit(copy_context().run, partial(attempt, file, name)) for file, name in others
                ]
                # Wait in short steps: Python handles a signal that arrives just before a wait only after it.
                while wait(futures, timeout=1.0).not_done:
                    pass
                outcomes += [future.result() for future in futures]
            except BaseException:
                killed.set()
                raise
            finally:
                # After an exception, do not wait for uploads under way: they may wait minutes for a response.
                pool.shutdown(wait=False, cancel_futures=True)
        paths = [str(file.path) for file, _ in named]
        failures = {p: o for p, o in zip(paths, outcomes, strict=True) if isinstance(o, Exception)}
        done = [outcome for outcome in outcomes if isinstance(outcome, Uploaded)]
        if failures:
            raise UploadError(failures, [upload.source for upload in done])
        return done

    def run_operations(
        self,
        *,
        operations: Sequence[str] | None = None,
        small_app: str | None = None,
        stage: str | None = toucan_work.STAGING,
        origin: str | None = "autofeed",
        output_domains: Sequence[str] | None = None,
    ) -> Accepted:
        """Start operations by name, in order. The default chain refreshes and releases everything.

        :param stage: ``staging``; with ``None``, the request contains no stage, which means production.
        :param origin: the name that the platform records as the requester; with ``None``, the request
            contains no name.
        :param output_domains: work only on these output domains.
        """
        work = toucan_work.run_operations(
            operations, stage=stage, origin=origin, output_domains=output_domains
        )
        if unknown := toucan_work.unknown_operations(operations):
            self.log.warning(
                "Toucan's documentation does not mention the operations %s; they are sent nevertheless",
                unknown,
            )
        return self.run(self.api.submit(small_app, work))

    def preprocess(
        self,
        *,
        small_app: str | None = None,
        stage: str | None = toucan_work.STAGING,
        asynchronous: bool | None = None,
        **selector: Unpack[toucan_work.DomainSelector],
    ) -> Accepted:
        """Preprocess each output domain that matches **at least one** of the selectors.

        Without a selector, the platform presumably selects all output domains. Some backends respond only
        when the work has ended, so the hook waits up to 15 minutes for the response.

        :param asynchronous: the value of ``async``, which asks for a response at once; with ``None``, it is
            not sent.
        :param selector: any of ``input_domains``, ``functions`` and ``output_domains``; each is a list of
            names. ``extra_selector`` contains further keys of the body, for backends with other key names.
        """
        work = toucan_work.preprocess(stage=stage, asynchronous=asynchronous, **selector)
        return self.run(self.api.submit(small_app, work))

    def populate(
        self,
        *,
        small_app: str | None = None,
        stage: str | None = toucan_work.STAGING,
        release: bool = False,
        **selector: Unpack[toucan_work.DomainSelector],
    ) -> Accepted:
        """Populate each output domain that matches **at least one** of the selectors.

        Without a selector, the platform presumably selects all output domains.

        :param release: also publish to production. The platform may send an email to the app's users.
        :param selector: as in :meth:`preprocess`.
        """
        work = toucan_work.populate(stage=stage, release=release, **selector)
        return self.run(self.api.submit(small_app, work))

    def get_operation(self, operation_id: str, *, small_app: str | None = None) -> Operation:
        """Return one operation.

        :raises NotFoundError: if the backend does not know the operation, or does not offer this call.
        """
        require_text(operation_id=operation_id)
        return self.run(self.api.get_operation(small_app, operation_id))

    list_small_apps = blocking(ToucanApi.list_small_apps)
    get_etl_config = blocking(ToucanApi.get_etl_config)


def _named(files: list[StoredFile], filename: str | None) -> list[tuple[StoredFile, str]]:
    """Return each file with the name under which to upload it.

    :raises InvalidArgumentError: if two files have the same name, because one file would overwrite the other.
    """
    if filename is not None:
        if len(files) != 1:
            raise InvalidArgumentError(
                f"filename {filename!r} needs a source of exactly one file; source matches {len(files)} files"
            )
        return [(files[0], filename)]
    by_name: dict[str, StoredFile] = {}
    for file in files:
        if file.name in by_name:
            raise InvalidArgumentError(
                f"source matches two files with the same name: {by_name[file.name].path} and {file.path}"
            )
        by_name[file.name] = file
    return [(file, name) for name, file in by_name.items()]
