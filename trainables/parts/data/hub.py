"""Whether the Hugging Face hub can be reached: checked once per process, with a short timeout."""

import functools
import http.client
import os
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 3.0


@functools.cache
def reachable() -> bool:
    """Whether the hub answers.

    If not, switches this process to offline mode, so that it reads the hub's cache without waiting
    for retries.
    """
    if not _is_set("HF_HUB_OFFLINE") and _answers():
        return True
    os.environ["HF_HUB_OFFLINE"] = "1"
    import huggingface_hub.constants

    # the library reads the variable once, on import
    huggingface_hub.constants.HF_HUB_OFFLINE = True
    return False


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").upper() in ("1", "TRUE", "YES", "ON")


def _answers() -> bool:
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        request = urllib.request.Request(endpoint, method="HEAD")
        urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError:
        return True  # an error status is an answer too
    except (OSError, ValueError, http.client.HTTPException):
        return False  # no connection, no valid address, or not HTTP
    return True
