"""What no answer may hold."""

import re

# What a person who sends nonsense must not learn: how the service is made and where it runs.
LEAKS = re.compile(
    r"Traceback|File \"|\.py\b|0x[0-9a-f]{6,}|<class|NoneType|<\w+ (object|instance)|\bself\b|sqlite|asyncpg|tortoise|SELECT |INSERT |UPDATE "
    r"|strawberry|starlette|orjson|JSONDecodeError|codec can't|codec|invalid literal|badly formed|int\(\)|set_int_max_str_digits"
    r"|UploadStream|UUID\(|datetime\.|/tmp/|site-packages"
)
