"""What mining costs, and what TAO is worth, in the user's currency."""

from typing import ClassVar

from pydantic import Field

from trellis_assets.domain.earnings.cost import GpuPrice
from trellis_assets.domain.earnings.report import Prices
from trellis_assets.settings.base import SettingsGroup
from trellis_assets.settings.field_types import Currency, Price


class CostSettings(SettingsGroup):
    """What mining costs, and what TAO is worth; what is not set is shown as not known."""

    title: ClassVar[str] = "Cost and earnings"

    gpu_cost_per_h: Price | None = Field(
        None, description="Rent of one GPU (one generation endpoint) per hour, in TRELLIS_CURRENCY."
    )
    gpu_watts: Price | None = Field(
        None, description="Watts that the machine draws for one GPU while it mines, by the meter."
    )
    kwh_price: Price | None = Field(
        None, description="Price of a kWh in TRELLIS_CURRENCY; with TRELLIS_GPU_WATTS added to the rent."
    )
    tao_price: Price | None = Field(
        None, description="Price of one TAO in TRELLIS_CURRENCY, to show earnings as money."
    )
    currency: Currency = Field("USD", description="Currency of these prices: three letters.")

    def prices(self) -> Prices:
        """Return the prices of GPUs and TAO."""
        gpu = GpuPrice(self.gpu_cost_per_h, self.gpu_watts, self.kwh_price)
        return Prices(gpu, self.tao_price, self.currency)
