"""gcp-storage-emulator with what it lacks of the real service and Orbax relies on: generations.

As a program: gcs_emulator.py PORT BUCKET serves an empty bucket from memory.
"""

import sys
import threading
from http import HTTPStatus

from gcp_storage_emulator import server
from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import objects

LOCK = threading.Lock()


def generation(storage, bucket, name):
    """Of an object; 0 if there is none, as in preconditions."""
    try:
        return int(storage.get_file_obj(bucket, name)["generation"])
    except NotFound:
        return 0


def refused(request, found):
    """The status of a request whose precondition does not hold, or None."""
    wanted, unwanted = (
        request.query.get(name, [None])[0] for name in ("ifGenerationMatch", "ifGenerationNotMatch")
    )
    if wanted is not None and int(wanted) != found:
        return HTTPStatus.PRECONDITION_FAILED
    if unwanted is not None and int(unwanted) == found:
        return HTTPStatus.NOT_MODIFIED
    return None


def checked_write(handle):
    def write(request, response, storage, *args, **kwargs):
        with LOCK:
            name = request.query.get("name", [None])[0]
            found = name and generation(storage, request.params["bucket_name"], name)
            status = refused(request, found or 0)
            if status is not None:
                response.status = status
                return None
            return handle(request, response, storage, *args, **kwargs)

    return write


def checked_read(handle):
    def read(request, response, storage, *args, **kwargs):
        with LOCK:
            found = generation(storage, request.params["bucket_name"], request.params["object_id"])
            status = refused(request, found)
            if status is not None:
                response.status = status
                return None
            if found:
                response["x-goog-generation"] = str(found)
            return handle(request, response, storage, *args, **kwargs)

    return read


CHECKED = {
    objects.insert: checked_write,
    objects.get: checked_read,
    objects.download: checked_read,
    objects.delete: checked_read,
}


def main(port, bucket):
    for _, handlers in server.HANDLERS:
        for method, handle in handlers.items():
            if handle in CHECKED:
                handlers[method] = CHECKED[handle](handle)
    server.create_server("127.0.0.1", int(port), in_memory=True, default_bucket=bucket).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
