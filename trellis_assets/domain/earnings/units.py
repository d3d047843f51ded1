"""Units of the chain: rao, alpha, TAO, blocks and tempos."""

# One TAO, and one alpha of a subnet, are 10^9 rao.
RAO = 1_000_000_000
# The chain makes a block every 12 seconds.
BLOCK_S = 12.0
DAY_S, HOUR_S = 86_400.0, 3_600.0
# The epoch of most subnets; the runtime counts a neuron's emission from one epoch to the next.
USUAL_TEMPO_BLOCKS = 360


def tempo_s(tempo_blocks: int) -> float:
    """Return the seconds from one epoch of a subnet to the next.

    The runtime runs an epoch once `tempo` blocks have passed since the last one (subtensor,
    `should_run_epoch`). Runtimes up to the end of 2025 took one block more, 0.3 % of a tempo of 360.

    Examples:
        360 blocks of 12 s are 20 epochs a day.

        >>> tempo_s(360), DAY_S / tempo_s(360)
        (4320.0, 20.0)
    """
    return tempo_blocks * BLOCK_S


def alpha_in(emission_alpha: float, tempo_blocks: int, seconds: float) -> float:
    """Return the alpha that a neuron gets in so many seconds at its present emission.

    The chain stores of each neuron what its last epoch paid (`Emission`, in rao of alpha, written by
    `persist_netuid_epoch_terms`): an amount per tempo, neither per block nor per day.

    Examples:
        1.5 alpha a tempo of 360 blocks are 30 alpha a day, and 1.25 an hour.

        >>> alpha_in(1.5, 360, DAY_S), alpha_in(1.5, 360, HOUR_S)
        (30.0, 1.25)
    """
    return emission_alpha * seconds / tempo_s(tempo_blocks) if tempo_blocks > 0 else 0.0


def blocks_as_days(blocks: int) -> float:
    """Return how long so many blocks take, in days.

    Examples:
        >>> blocks_as_days(7_200)
        1.0
    """
    return blocks * BLOCK_S / DAY_S
