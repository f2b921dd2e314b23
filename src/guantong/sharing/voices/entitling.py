"""Who may say what in a dispute, and when."""

from guantong.identity.queries import bureaus, holds
from guantong.journal.types import Actor
from guantong.sharing.errors import NotYourVoice, VoiceStateWrong
from guantong.sharing.models import Dispute, DisputeStage, DisputeState
from guantong.sharing.voices.standing import own, speaker_of
from guantong.sharing.voices.types import Side, StatementAct

NAMES: dict[Side, tuple[str, str]] = {
    "asker": ("申请方", "the asking department"),
    "provider": ("数据提供方", "the providing department"),
    "authority": ("提供方节点的数据主管部门", "the data bureau of the provider's node"),
    "superior": ("共同上级的数据主管部门", "the data bureau of the node above both"),
}


def demand_side(found: Dispute, side: Side, by: Actor) -> None:
    """Whether ``by`` speaks for ``side``. NotYourVoice."""
    is_bureau = by.organisation in bureaus(own()) and by.organisation not in {found.asker, found.provider}
    speaks = {
        "asker": by.organisation == found.asker,
        "provider": by.organisation == found.provider,
    }.get(side, is_bureau)
    permission = "dispute:speak" if side in {"asker", "provider"} else "dispute:rule"
    if speaker_of(found, side) != own() or not speaks or not holds(by, permission):
        raise NotYourVoice(whose_zh=NAMES[side][0], whose_en=NAMES[side][1])


def demand_fitting(found: Dispute, side: Side, act: StatementAct) -> None:
    """Whether an act belongs to a side and to where the dispute stands. VoiceStateWrong, NotYourVoice."""
    is_open, is_talk = found.state == DisputeState.OPEN, found.stage == DisputeStage.TALK
    is_authority = found.stage == DisputeStage.AUTHORITY
    has_lost = found.state == DisputeState.RULED and found.ruling == "provider" and is_authority
    heard = found.is_late or found.statements.filter(side="provider").exists()
    is_binding = found.state == DisputeState.RULED and found.ruling == "asker"
    fitting: dict[tuple[str, str], bool] = {
        ("asker", "said"): is_open,
        ("provider", "said"): is_open or is_binding,
        ("superior", "said"): is_open,
        ("authority", "said"): is_open,
        ("asker", "settled"): is_open,
        ("asker", "withdrawn"): is_open,
        ("provider", "conceded"): is_open and found.stage != DisputeStage.SUPERIOR,
        # Talk comes first: once the provider has said something, or its days are over.
        ("asker", "taken_up"): (is_open and is_talk and heard) or (is_open and is_authority and found.is_late) or has_lost,
        ("authority", "taken_up"): is_open and found.stage != DisputeStage.SUPERIOR,
        ("authority", "ruled"): is_open and is_authority,
        ("superior", "ruled"): is_open and found.stage == DisputeStage.SUPERIOR,
        ("provider", "carried_out"): is_binding,
    }  # fmt: skip
    if (side, act) not in fitting:
        raise NotYourVoice(whose_zh=NAMES[side][0], whose_en=NAMES[side][1])
    if not fitting[side, act]:
        raise VoiceStateWrong(number=found.number, state=found.get_state_display())
