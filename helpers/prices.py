"""Says what a cloud asks for storage, requests and bytes that leave it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from helpers.units import require_number

__all__ = ["S3_STANDARD", "Prices"]


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Hold the list prices of an object store, in US dollars.

    Parameters
    ----------
    name : str
        Whose prices, where, and as of when.
    get_usd, put_usd : float
        For one read request; for one write or list request.
    out_usd : tuple of (float, float)
        For bytes that leave the cloud in a month: pairs of an upper bound in GB and the price of a GB below
        it.
    storage_usd : tuple of (float, float)
        For a GB kept for a month: pairs of an upper bound in GB and the price of a GB below it.

    Notes
    -----
    A GB is 2³⁰ bytes here, as in AWS's bills. Free tiers, discounts, taxes, deletes and retries are left out.

    Examples
    --------
    >>> prices = Prices(name="ours", get_usd=4e-7, put_usd=5e-6, out_usd=((math.inf, 0.09),),
    ...                 storage_usd=((10, 0.03), (math.inf, 0.02)))
    >>> round(prices.storage(15 * 2**30), 2)
    0.4
    """

    name: str
    get_usd: float
    put_usd: float
    out_usd: tuple[tuple[float, float], ...]
    storage_usd: tuple[tuple[float, float], ...]

    def storage(self, nbytes: float, *, months: float = 1) -> float:
        """Price bytes kept for some months.

        Parameters
        ----------
        nbytes : float
            Bytes kept, as stored.
        months : float, default 1
            For how long.

        Returns
        -------
        float
            US dollars.

        Examples
        --------
        >>> round(S3_STANDARD.storage(1e12), 2)
        21.42
        """
        require_number("months", months, ok=lambda x: 0 <= x < math.inf, allowed="finite, 0 or more")
        return _tiered(nbytes, self.storage_usd) * months

    def transfer(self, nbytes: float) -> float:
        """Price bytes that leave the cloud within a month.

        Parameters
        ----------
        nbytes : float
            Bytes that leave it.

        Returns
        -------
        float
            US dollars.

        Examples
        --------
        >>> round(S3_STANDARD.transfer(1e12), 2)
        83.82
        """
        return _tiered(nbytes, self.out_usd)


_TB = 1024.0

#: List prices of S3 Standard in us-east-1, from https://aws.amazon.com/s3/pricing as others quoted it: requests in
#: 2020, storage in 2022, transfer in May 2026. Compare before you rely on them. A reader in the same region pays no
#: transfer. Above 500 TB out in a month, AWS has no list price: the last tier is continued.
S3_STANDARD = Prices(
    name="S3 Standard, us-east-1, list prices (requests of 2020, storage of 2022, transfer of 2026)",
    get_usd=0.0004 / 1000,
    put_usd=0.005 / 1000,
    out_usd=((10 * _TB, 0.09), (50 * _TB, 0.085), (150 * _TB, 0.07), (math.inf, 0.05)),
    storage_usd=((50 * _TB, 0.023), (500 * _TB, 0.022), (math.inf, 0.021)),
)


def _tiered(nbytes: float, tiers: tuple[tuple[float, float], ...]) -> float:
    require_number("nbytes", nbytes, ok=lambda x: 0 <= x < math.inf, allowed="finite, 0 or more")
    amount, below, usd = nbytes / 2**30, 0.0, 0.0
    for bound, price in tiers:
        usd += (min(amount, bound) - below) * price
        if amount <= bound:
            break
        below = bound
    return usd
