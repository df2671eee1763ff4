"""The models behind the proxy, by the names that clients know them by, as far as a key may ask for them."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lethe.server.access.keys import ApiKey
from lethe.server.engines.metrics_pages import merge_pages
from lethe.server.engines.model_cards import bare_card, public_cards
from lethe.server.engines.served import Served
from lethe.server.errors import APIError, BadRequest, Unavailable, UnknownModel


class Models:
    """One or several models.

    Parameters
    ----------
    served
        In the settings' order; at least one.
    """

    def __init__(self, served: Sequence[Served]) -> None:
        self._served = tuple(served)

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served)

    @property
    def first(self) -> Served:
        """The only one, or the one that the settings name first."""
        return self._served[0]

    @property
    def are_several(self) -> bool:
        """Whether a request has to name one."""
        return len(self._served) > 1

    @property
    def ready(self) -> bool:
        """Whether any of them can be asked."""
        return any(each.engines.ready for each in self._served)

    def asked(self, name: str | None, key: ApiKey) -> Served:
        """The model that a request goes to. Where there is one alone, whether it has the name is not asked here.

        Parameters
        ----------
        name
            What the request names; as for an engine, an empty name is none.
        key
            What a key may not ask for does not exist for it.

        Raises
        ------
        UnknownModel
            None has this name.
        BadRequest
            The request names none, and there are several.
        Unavailable
            None has this name, but not all names are known yet.
        """
        allowed = self.of(key)
        if not self.are_several and allowed:
            return allowed[0]
        if name:
            if (found := self.named(name, key)) is not None:
                return found
        elif len(allowed) == 1:
            return allowed[0]
        elif allowed:
            raise BadRequest(
                f"model must be named, since several are served here: {_listed(allowed)}", param="model"
            )
        self._require_names_known()
        raise UnknownModel(name or "", (each for one in allowed for each in one.names))

    def named(self, name: str | None, key: ApiKey) -> Served | None:
        """The model with this name, if a key may ask for it."""
        return next((each for each in self.of(key) if name in each.names), None)

    def of(self, key: ApiKey) -> list[Served]:
        """The models that a key may ask for."""
        return [each for each in self._served if key.may_ask(each.names)]

    def cards(self, key: ApiKey) -> Mapping[str, Mapping[str, Any]]:
        """What engines say of the models that a key may ask for, by all their names.

        Of a model whose engines have not answered yet, the names that the settings give it are there: clients keep the
        list that they get first.

        Raises
        ------
        Unavailable
            None has said anything yet.
        """
        allowed = self.of(key)
        if not any(each.engines.facts for each in allowed):
            self._require_names_known()
        cards: dict[str, Mapping[str, Any]] = {}
        for each in allowed:
            facts = each.engines.facts
            own = public_cards(facts.cards) if facts else {}
            further = sorted(each.names - own.keys())
            cards |= own | {
                name: {**own[facts.name], "id": name} if facts else bare_card(name) for name in further
            }
        return cards

    def card(self, name: str, key: ApiKey) -> Mapping[str, Any]:
        """What engines say of a model that a key may ask for.

        Raises
        ------
        UnknownModel
            None has this name.
        Unavailable
            None has this name, but not all names are known yet.
        """
        cards = self.cards(key)
        if name in cards:
            return cards[name]
        self._require_names_known()
        raise UnknownModel(name, cards)

    def _require_names_known(self) -> None:
        if unknown := [each for each in self._served if each.engines.facts is None]:
            raise unknown[0].engines.unavailable()

    def unavailable(self) -> Unavailable:
        """The error that says why none can answer now."""
        return self.first.engines.unavailable()

    async def metrics_text(self) -> str:
        """The engines' own Prometheus pages, of several as one; of several models with the label ``model`` too.

        Raises
        ------
        Unavailable
            None answers.
        """
        if not self.are_several:
            return await self.first.engines.metrics_text()
        found = await asyncio.gather(
            *(each.engines.metrics_pages() for each in self._served), return_exceptions=True
        )
        pages: list[tuple[Mapping[str, str], str]] = []
        for served, of_engines in zip(self._served, found, strict=True):
            if isinstance(of_engines, dict):
                pages += [
                    ({"model": served.name, "engine": label}, page) for label, page in of_engines.items()
                ]
        if not pages:
            raise next(each for each in found if isinstance(each, APIError))
        return merge_pages(pages)


def _listed(served: Sequence[Served]) -> str:
    return ", ".join(sorted(name for each in served for name in each.names))
