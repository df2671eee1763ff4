"""What an answer has shown so far, as the texts that are judged."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from lethe.classifier.exchange import Exchange
from lethe.server.endpoints.answer_form import Shown, whole_characters
from lethe.server.endpoints.endpoint import Opening
from lethe.server.errors import APIError
from lethe.server.request.echo import Echo

Decode = Callable[[list[int]], Awaitable[str]]

_BY_IDS = "tokens that are shown by their ids, which the engine does not decode"


class _Text:
    """One text, which only grows."""

    def __init__(self, beginning: str) -> None:
        self._pieces = [beginning] if beginning else []
        self._ids: list[int] = []
        self._channel: str | None = None
        self._given = self._judged = ""
        self.is_new = False

    def add(self, shown: Shown) -> None:
        if self._channel is not None and shown.channel != self._channel:
            self._pieces.append("\n")
        self._channel = shown.channel
        self._pieces.append(shown.text)
        self._ids += shown.ids
        self.is_new = True

    async def so_far(self, decode: Decode) -> str:
        self._pieces = ["".join(self._pieces)]
        # All of them anew: a letter may be in several tokens.
        self._given = whole_characters(self._pieces[0]) + (await decode(self._ids) if self._ids else "")
        return self._given

    @property
    def judged(self) -> int:
        """How much of what was given last had been judged; nothing where the end of that has become another since."""
        return len(self._judged) if self._given.startswith(self._judged) else 0

    def was_judged(self) -> None:
        """What was given last was judged to its end."""
        self._judged = self._given


class AnswerTexts:
    """All that the choices of one answer have shown.

    Parameters
    ----------
    openings
        One for each prompt.
    choices
        How many there are for all prompts together.
    decode
        Gives the text of token ids.
    asked
        Targets that the model was made not to know.

    Attributes
    ----------
    unreadable
        What was shown that is no text, by choice.
    """

    def __init__(
        self, openings: Sequence[Opening], choices: int, decode: Decode, asked: frozenset[str] = frozenset()
    ) -> None:
        self._openings = openings
        self._asked = asked
        self._choices_of_prompt = max(choices // len(openings), 1)
        self._decode = decode
        self._texts: defaultdict[int, dict[str, _Text]] = defaultdict(dict)
        self._given: dict[int, list[_Text]] = {}
        self._echoes: dict[int, Echo] = {}
        self._is_echoed = any(each.echoed for each in openings)
        self.unreadable: dict[int, str] = {}

    def add(self, shown: Sequence[Shown]) -> None:
        """Take in what comes next."""
        for each in self._without_echo(shown) if self._is_echoed else shown:
            texts = self._texts[each.choice]
            if each.track not in texts:
                texts[each.track] = _Text(self._opening(each.choice).said)
            texts[each.track].add(each)

    async def to_judge(self, ended: Collection[int]) -> dict[int, list[Exchange]]:
        """What of each choice is new since the last time; of those that have ended, all.

        Parameters
        ----------
        ended
            The choices that have ended since.
        """
        asked: dict[int, list[Exchange]] = {}
        for choice, texts in self._texts.items():
            complete = choice in ended
            self._given[choice] = [text for text in texts.values() if text.is_new or complete]
            asked[choice] = [
                Exchange(
                    self._opening(choice).question,
                    await self._so_far(choice, text),
                    complete,
                    judged=text.judged,
                    asked=self._asked,
                )
                for text in self._given[choice]
            ]
            for text in self._given[choice]:
                text.is_new = False
        return {choice: exchanges for choice, exchanges in asked.items() if exchanges}

    def were_judged(self, choice: int) -> None:
        """What `to_judge` last gave of a choice was judged, all of it to its end."""
        for text in self._given[choice]:
            text.was_judged()

    async def _so_far(self, choice: int, text: _Text) -> str:
        try:
            return await text.so_far(self._decode)
        except APIError:
            self.unreadable[choice] = _BY_IDS
            return ""

    def _without_echo(self, shown: Iterable[Shown]) -> Iterable[Shown]:
        for each in shown:
            if each.choice not in self._echoes:
                self._echoes[each.choice] = Echo(self._opening(each.choice))
            yield from self._echoes[each.choice].taken_out([each])

    def _opening(self, choice: int) -> Opening:
        return self._openings[min(choice // self._choices_of_prompt, len(self._openings) - 1)]
