"""Whether the Hugging Face hub can be reached, asked once and answered quickly."""

import functools
import http.client
import os
import urllib.error
import urllib.request

SECONDS = 3.0


@functools.cache
def reachable() -> bool:
    """Whether the hub answers.

    Where it does not, this process goes offline: its cache is read, and nothing waits for retries.
    """
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")
    if not offline:
        try:
            urllib.request.urlopen(
                urllib.request.Request(endpoint, method="HEAD"), timeout=SECONDS
            ).close()
            return True
        except urllib.error.HTTPError:
            return True  # it answered
        except (
            OSError,
            ValueError,
            http.client.HTTPException,
        ):  # nobody there, no address, or no HTTP
            pass
    os.environ["HF_HUB_OFFLINE"] = "1"
    import huggingface_hub.constants

    huggingface_hub.constants.HF_HUB_OFFLINE = True  # read once, when the library was imported
    return False
