"""The plugins of the test suite. Fixtures live in tests/fixtures, one file for each thing they provide."""

pytest_plugins = [
    "tests.measuring.plugin",
    "tests.fixtures.heap",
    "tests.fixtures.hypothesis_profiles",
    "tests.fixtures.order",
    "tests.fixtures.folders",
    "tests.fixtures.databases",
    "tests.fixtures.open_database",
    "tests.fixtures.s3",
    "tests.fixtures.redis",
    "tests.fixtures.warm",
    "tests.fixtures.server",
    "tests.fixtures.site",
    "tests.fixtures.deployment",
    "tests.fixtures.identity_provider",
    "tests.fixtures.alert_sink",
    "tests.fixtures.app",
    "tests.fixtures.logs",
    "tests.fixtures.otlp",
    "tests.fixtures.node",
]
