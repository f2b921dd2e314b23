"""What each role may do: permissions are ``resource:act``. One table, so that an auditor can read it."""

ROLES: dict[str, frozenset[str]] = {
    # 数据专员: provides and requests a department's data
    "data_officer": frozenset(
        {
            "resource:draft",
            "resource:submit",
            "source:read",
            "element:claim",
            "standard:keep",
            "need:answer",
            "application:keep",
            "application:read",
            "request:file",
            "request:read",
            "grant:read",
            "receipt:read",
            "job:declare",
            "job:run",
            "job:read",
            "edge:declare",
            "edge:read",
            "correction:file",
            "correction:answer",
            "correction:read",
            "dispute:speak",
            "dispute:read",
            "risk:read",
        }
    ),
    # 审批人: decides for the department on its own data, or for the bureau
    "approver": frozenset(
        {
            "resource:publish",
            "element:settle",
            "standard:keep",
            "need:answer",
            "need:route",
            "application:read",
            "request:decide",
            "request:read",
            "grant:read",
            "grant:revoke",
            "receipt:read",
            "reading:read",
            "job:read",
            "correction:answer",
            "correction:read",
            "dispute:speak",
            "dispute:rule",
            "dispute:read",
            "risk:read",
            "risk:settle",
        }
    ),
    # 窗口人员: takes cases in
    "clerk": frozenset({"case:accept", "case:read", "case:advance", "correction:file", "correction:read"}),
    # 审计员: reads everything that was done (``audit``: whoever it concerns), and changes nothing
    "auditor": frozenset(
        {
            "journal:read",
            "reading:read",
            "alert:read",
            "application:read",
            "request:read",
            "grant:read",
            "receipt:read",
            "request:audit",
            "grant:audit",
            "receipt:audit",
            "case:audit",
            "job:read",
            "job:audit",
            "edge:read",
            "correction:read",
            "correction:audit",
            "dispute:read",
            "dispute:audit",
            "risk:read",
            "risk:audit",
        }
    ),
    # 安全员: looks after alerts; may suspend a grant and nothing more of it
    "security_officer": frozenset(
        {
            "risk:read",
            "risk:audit",
            "risk:settle",
            "risk:keep",
            "grant:read",
            "grant:audit",
            "grant:suspend",
            "application:read",
            "receipt:read",
            "receipt:audit",
        }
    ),
    # 节点管理员: joins nodes, registers applications, settles messages that nobody takes
    "operator": frozenset(
        {
            "node:confirm",
            "field:declare",
            "application:read",
            "application:register",
            "alert:read",
            "alert:settle",
            "message:settle",
            "flow:publish",
            "job:read",
            "job:audit",
            "job:run",
            "edge:declare",
            "edge:read",
        }
    ),
    # 群众: sees own cases and who looked at own data
    "citizen": frozenset({"case:own", "subject:own", "correction:own"}),
}

ROLE_NAMES: dict[str, tuple[str, str]] = {
    "data_officer": ("数据专员", "data officer"),
    "approver": ("审批人", "approver"),
    "clerk": ("窗口人员", "window clerk"),
    "auditor": ("审计员", "auditor"),
    "security_officer": ("安全员", "security officer"),
    "operator": ("节点管理员", "node operator"),
    "citizen": ("群众", "citizen"),
}
