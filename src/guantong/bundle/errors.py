"""Why a bundle is refused. The one in force stays in force."""

from guantong.kit.errors import GuantongError


class BundleRefused(GuantongError):
    """A bundle that does not come into force."""

    code = "bundle_refused"
    status = 422
    zh = "配置快照被拒绝。"
    en = "The bundle is refused."


class BundleTampered(BundleRefused):
    """The bytes are not what the node signed, or are not a bundle at all."""

    code = "bundle_tampered"
    zh = "配置快照的内容与签名不符，已拒绝。"
    en = "The bundle is not what its signature covers; it is refused."


class BundleForAnotherNode(BundleRefused):
    """The bundle was made for another node."""

    code = "bundle_for_another_node"
    zh = "配置快照属于节点 {found}，不属于本节点 {node}，已拒绝。"
    en = "The bundle belongs to node {found}, not to this node {node}; it is refused."


class BundleOlder(BundleRefused):
    """The bundle's sequence is not above the one in force: somebody turns the clock back."""

    code = "bundle_older"
    zh = "配置快照序号 {sequence} 不高于现行序号 {floor}，已拒绝。"
    en = "The bundle's sequence {sequence} is not above the present {floor}; it is refused."
