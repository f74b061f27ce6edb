"""The same with the vendor's SDK (PyPI: huaweicloudsdkdcs)."""

import os
import sys
import time

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkdcs.v2 import DcsClient, ShowMigrationTaskStatsRequest

credentials = BasicCredentials(os.environ["DCS_ACCESS_KEY"], os.environ["DCS_SECRET_KEY"], os.environ["DCS_PROJECT_ID"])
client = DcsClient.new_builder().with_credentials(credentials).with_endpoint(os.environ["DCS_ENDPOINT"]).build()
request = ShowMigrationTaskStatsRequest(task_id=os.environ["DCS_TASK_ID"])
for _ in range(int(os.environ["POLLS"])):
    stats = client.show_migration_task_stats(request)
    if stats.is_migrating is False and str(stats.offset) == "0":
        sys.exit(0)
    time.sleep(float(os.environ["PAUSE"]))
sys.exit(124)
