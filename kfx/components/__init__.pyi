# Written by `make docs`.
from kfx.components.compare_statistics import compare_statistics as compare_statistics
from kfx.components.evaluate import evaluate as evaluate
from kfx.components.notify import notify as notify
from kfx.components.notify_email import notify_email as notify_email
from kfx.components.notify_git import notify_git as notify_git
from kfx.components.notify_pagerduty import notify_pagerduty as notify_pagerduty
from kfx.components.notify_slack import notify_slack as notify_slack
from kfx.components.notify_started import notify_started as notify_started
from kfx.components.notify_teams import notify_teams as notify_teams
from kfx.components.notify_webhook import notify_webhook as notify_webhook
from kfx.components.schema_gen import schema_gen as schema_gen
from kfx.components.statistics_gen import statistics_gen as statistics_gen
from kfx.components.train_custom_container import train_custom_container as train_custom_container
from kfx.components.train_sklearn import train_sklearn as train_sklearn
from kfx.components.train_test_split import train_test_split as train_test_split
from kfx.components.validate_statistics import validate_statistics as validate_statistics

__all__: list[str]
