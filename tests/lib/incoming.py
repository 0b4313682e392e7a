"""Daily deliveries that stop a run."""

BAD_CUSTOMERS = "customer_id,customer_name,mobile_number,region\nC1,A,9876543210,North\nC2,B,12,North\n"
BROKEN_ORDERS = "<orders>\n<order>\n</orders>"


def laid(data, name, text):
    """Lay a file into the drop folder of a workspace; return its data folder."""
    (data / "incoming").mkdir(exist_ok=True)
    (data / "incoming" / name).write_text(text)
    return data
