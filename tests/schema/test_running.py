"""What is found out about an operation's variables once holds for every request with it."""

import pytest
from strawberry.types.graphql import OperationType

from schema.schema import SatchelSchema
from schema.upload_rules import VariablesWithFiles

_TWO_FIELDS = """
    mutation ($a: Upload!, $b: Upload!, $name: String) {
      x: uploadFile(input: {file: $a, name: $name}) { ...Stored }
      y: uploadFile(input: {file: $b, name: $name}) { ...Stored }
      ...Again
    }
    fragment Stored on UploadFilePayload { file { id } }
    fragment Again on Mutation { z: uploadFile(input: {file: $b}) { ...Stored } }
"""


@pytest.mark.parametrize("plans", [True, False])
async def test_the_rule_of_files_is_held_for_the_variables_of_each_request(plans: bool) -> None:
    schema = SatchelSchema(plans=plans)
    (operation,) = schema.documents.prepare(_TWO_FIELDS).operations
    told = []
    for with_files in ({"a"}, {"b"}, {"a", "b"}, {"name"}, {"a", "c"}, {"a"}):
        variables = VariablesWithFiles({}, frozenset(with_files))
        result = await schema.operations.run(operation, variables, None, types=OperationType)
        assert result.errors is not None
        told.append(result.errors[0].message)

    missing = "Variable '$a' has invalid value: Expected a value of non-null type 'Upload!' to be provided."
    twice = "The variable $b holds a file and is used twice."
    name = "The variable $name holds a file and is used twice."
    unused = "map puts a file into $c, which the operation does not use."
    assert told == [missing, twice, twice, name, unused, missing]
