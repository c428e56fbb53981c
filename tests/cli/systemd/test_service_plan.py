"""What a service of the whole system serves. `tests/cli/commands/test_service.py` tests those of users."""

from udpnote.cli.systemd.service_plan import plan_service
from udpnote.cli.systemd.service_unit import Service


def test_a_service_of_the_system_serves_its_notebook_as_it_is_unless_the_user_asks_for_a_sealed_one() -> None:
    for sealed, options in ((None, []), (True, ["--sealed"])):
        service = Service(is_system=True, instance="of no host")
        plan = plan_service(service, {"name": None, "port": None, "file": None, "sealed": sealed})
        assert [each for each in plan.options if each in ("--sealed", "--open")] == options
