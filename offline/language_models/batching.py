"""Batches of similar length, so that little is spent on padding."""

from collections.abc import Iterator, Sequence


def length_batches(lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Split indices into batches that hold at most `max_tokens` tokens once padded, longest first.

    Parameters
    ----------
    lengths
        Tokens of each item.
    max_tokens
        Bound on batch size times longest item; an item longer than the bound gets a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    batch: list[int] = []
    for index in order:
        longest = lengths[batch[0]] if batch else lengths[index]
        if batch and longest * (len(batch) + 1) > max_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
