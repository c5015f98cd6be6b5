# What schemathesis has to be told to send bodies that are no JSON.
import schemathesis


@schemathesis.serializer("application/wasm", "message/rfc822")
def bytes_as_they_are(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
