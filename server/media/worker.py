"""The process that reads pictures and documents: ``python -m lethe.server.media.worker [image] [file]``.

What it reads comes from strangers, and its libraries are large: so it is apart from the proxy, may take up so much memory
and no more, and can be killed. It says when it has loaded what the kinds that it is given need. Then a line of JSON and the
bytes that it speaks of come in, and a line of JSON goes out.
"""

import json
import os
import resource
import sys
from collections.abc import Sequence
from typing import BinaryIO

from lethe.server.media.documents import document_text
from lethe.server.media.errors import Unread
from lethe.server.media.images import image_text, load_models

_MEMORY_BYTES = 4 << 30


def serve(requests: BinaryIO, answers: BinaryIO, kinds: Sequence[str]) -> None:
    """Answer until no more comes."""
    if "image" in kinds:
        load_models()
    answers.write(b"{}\n")
    answers.flush()
    while line := requests.readline():
        asked = json.loads(line)
        content = requests.read(asked["bytes"])
        answers.write(json.dumps(_answer(asked, content)).encode() + b"\n")
        answers.flush()


def _answer(asked: dict[str, int | str], content: bytes) -> dict[str, str]:
    try:
        if asked["kind"] == "image":
            return {"text": image_text(content, int(asked["max_pixels"]))}
        return {"text": document_text(content, int(asked["max_characters"]), int(asked["max_pages"]))}
    except Unread as error:
        return {"unread": str(error)}
    except MemoryError:
        return {"unread": "takes up too much memory"}
    # What is wrong with a damaged file comes as errors of many kinds, and to begin anew takes others' time.
    except Exception:
        return {"unread": "cannot be read"}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    # A library that prints something must not speak amid the answers.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, output, sys.argv[1:])
