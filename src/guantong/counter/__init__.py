"""一窗: service items, cases and certificates. A consumer like any other: it calls the gateway over HTTP.

One form is taken in, the declared flow asks the departments, the rules decide, and the result is a
certificate. What the platform can get or verify is not asked of the citizen.
"""
