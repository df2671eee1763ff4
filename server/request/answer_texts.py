"""What an answer has shown so far, as the texts that are judged."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from lethe.classifier.exchange import Exchange
from lethe.server.endpoints.answer_form import Shown, unreadable
from lethe.server.endpoints.endpoint import Opening


class _Text:
    """One text, which only grows."""

    def __init__(self, beginning: str) -> None:
        self._pieces = [beginning] if beginning else []
        self._channel: str | None = None
        self.is_new = False

    def add(self, channel: str, text: str) -> None:
        if self._channel is not None and channel != self._channel:
            self._pieces.append("\n")
        self._channel = channel
        self._pieces.append(text)
        self.is_new = True

    def so_far(self) -> str:
        self._pieces = ["".join(self._pieces)]
        return self._pieces[0]


class AnswerTexts:
    """All that the choices of one answer have shown.

    Parameters
    ----------
    openings
        One for each prompt.
    choices
        How many there are for all prompts together.

    Attributes
    ----------
    unreadable
        What was shown that is no text, by choice.
    """

    def __init__(self, openings: Sequence[Opening], choices: int) -> None:
        self._openings = openings
        self._choices_of_prompt = max(choices // len(openings), 1)
        self._texts: defaultdict[int, dict[str, _Text]] = defaultdict(dict)
        self.unreadable: dict[int, str] = {}

    def add(self, shown: Sequence[Shown]) -> None:
        """Take in what comes next."""
        for each in shown:
            choice, track, channel, text = each
            texts = self._texts[choice]
            if track not in texts:
                texts[track] = _Text(self._opening(choice).said)
            texts[track].add(channel, text)
        # Only log probabilities show tokens.
        if any(len(texts) > 1 for texts in self._texts.values()) and (found := unreadable(shown)):
            self.unreadable |= dict.fromkeys((each.choice for each in shown), found)

    def to_judge(self, ended: Collection[int]) -> dict[int, list[Exchange]]:
        """What of each choice is new since the last time; of those that have ended, all.

        Parameters
        ----------
        ended
            The choices that have ended since.
        """
        asked: dict[int, list[Exchange]] = {}
        for choice, texts in self._texts.items():
            complete = choice in ended
            asked[choice] = [
                Exchange(self._opening(choice).question, text.so_far(), complete)
                for text in texts.values()
                if text.is_new or complete
            ]
            for text in texts.values():
                text.is_new = False
        return {choice: exchanges for choice, exchanges in asked.items() if exchanges}

    def _opening(self, choice: int) -> Opening:
        return self._openings[min(choice // self._choices_of_prompt, len(self._openings) - 1)]
