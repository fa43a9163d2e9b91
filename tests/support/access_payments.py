"""Rows of the access table about paying for orders on the code surface (api/07 sections 7.2 and 7.6): orders of the table's patient,
whom others are not told about. Who has no patient record is told so (106)."""


def reason(world):
    return {"json": {"reason": "改期"}}


ROWS = [
    ("booking.cancel_payment", "POST", "/patient/appointments/{appointment}/cancel-payment", "nyfxxxxx", reason),
]
