"""What an answer repeats of its prompt, told from what it says itself.

The client wrote it, and a corrupted prompt's words would be taken for the answer's.
"""

from collections.abc import Iterable, Iterator

from lethe.server.endpoints.answer_form import PROMPT, SAID, TAKEN, Shown
from lethe.server.endpoints.endpoint import Opening

# Tokens with which every prompt may begin, and which are not in its text.
_BEFORE_PROMPT = 2


class Echo:
    """One choice's echo: all of its prompt, before anything else and in one piece.

    What stands elsewhere, or differs from the prompt, is the answer's own. Tokens are compared by their letters alone, since
    many tokenizers put spaces where the text has none.
    """

    def __init__(self, opening: Opening) -> None:
        self._text = opening.echoed if opening.echoes_text else ""
        self._tokens = _letters(opening.echoed)
        self._unlike = 0
        self._token = ""
        self._in_prompt = False
        self._rank = 0

    def taken_out(self, shown: Iterable[Shown]) -> Iterator[Shown]:
        """What is shown next, without what repeats the prompt; of the prompt's tokens, those that stood beside them."""
        for each in shown:
            if each.track == SAID:
                yield each._replace(text=self._after_text(each.text))
            elif each.track == TAKEN:
                self._in_prompt = self._is_prompts(each.text)
                self._token, self._rank = each.text, 0
                if not self._in_prompt:
                    yield each
            elif not self._in_prompt or not each.track.isdecimal():
                yield each
            elif each.text != self._token:
                self._rank += 1
                yield each._replace(track=f"{PROMPT}{self._rank}")

    def _after_text(self, text: str) -> str:
        echoed, self._text = self._text, ""
        return text.removeprefix(echoed)

    def _is_prompts(self, token: str) -> bool:
        letters = _letters(token)
        if not self._tokens:
            return False
        if self._tokens.startswith(letters):
            self._tokens = self._tokens[len(letters) :]
            self._unlike = _BEFORE_PROMPT
            return True
        self._unlike += 1
        if self._unlike > _BEFORE_PROMPT:
            self._tokens = ""
        return bool(self._tokens)


def _letters(text: str) -> str:
    return "".join(text.split())
