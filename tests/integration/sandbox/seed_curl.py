"""The curl commands of the guides of Toucan and Tailer, with these changes only:

Toucan: the scheme is http, because the sandbox has no TLS. In the loop, the name comes from another variable,
because the guide never sets its own. Tailer: the base URL is another one, and the token comes from the environment
instead of a command.

Do not tidy up anything else: curl removes the braces around ``$API_URL``.
"""
# ruff: noqa: E501

from __future__ import annotations

# fmt: off

TOUCAN_UPLOAD = r"""
curl    -X POST \
    --user "${LOGIN}:${PASSWORD}" \
    -F data="{\"filename\": \"${FILE_NAME}\"}" \
    -F file=@${FILE_NAME_LOCAL_PATH} \
    "http://${API_URL}/${SMALL_APP}/data/sources?validation=false"
"""

TOUCAN_UPLOAD_FOLDER = r"""
for FILE_NAME_LOCAL_PATH in my_datasources/*; do
  FILE_NAME=`basename ${FILE_NAME_LOCAL_PATH}`

  curl    -X POST \
      --user "${LOGIN}:${PASSWORD}" \
      -F data="{\"filename\": \"${FILE_NAME}\"}" \
      -F file=@${FILE_NAME_LOCAL_PATH} \
      "http://${API_URL}/${SMALL_APP}/data/sources?validation=false"
  [[ $? -ne 0 ]] && echo "Problem when uploading ${FILE_NAME_LOCAL_PATH}"
done
"""

TOUCAN_OPERATIONS = r"""
curl    -X POST \
    --user "${LOGIN}:${PASSWORD}" \
    -H 'Content-Type: application/json' \
    --data-binary '{"origin": "autofeed", "operations": ["preprocess_data_sources", "populate_basemaps", "populate_reports", "populate_dashboards", "release"]}' \
    "http://{$API_URL}/${SMALL_APP}/operations?stage=staging"
"""

TOUCAN_PREPROCESS = r"""
curl -X POST "http://{$API_URL}/${SMALL_APP}/data/preprocess?stage=staging" --user "${LOGIN}:${PASSWORD}" -H 'Content-Type: application/json' -d '{"input_domains": ["referential"]}'
"""

TOUCAN_POPULATE = r"""
curl -X POST "http://{$API_URL}/${SMALL_APP}/populate?stage=staging" --user "${LOGIN}:${PASSWORD}" -H 'Content-Type: application/json' -d '{"input_domains": ["referential"]}'
"""

TOUCAN_POPULATE_AND_RELEASE = r"""
curl -X POST "http://{$API_URL}/${SMALL_APP}/populate?stage=staging&release" --user "${LOGIN}:${PASSWORD}" -H 'Content-Type: application/json' -d '{"input_domains": ["referential"]}'
"""

TAILER_LAUNCH = r"""
curl --request POST \
--http2 \
--header "content-type:application/json" \
--header "Authorization: Bearer ${TAILER_API_JWT}" \
--data '{ "action": "launch_job",
"account": "000099",
"environment": "DEV",
"configuration_type": "table-to-table",
"configuration_id": "000099_iowa_liquor_prepare_pda_DEV"}' \
"${TAILER_URL}/v1/dag/launch"
"""

TAILER_CHECK = r"""
curl --request POST \
--http2 \
--header "content-type:application/json" \
--header "Authorization: Bearer ${TAILER_API_JWT}" \
--data '{"action": "check_run_status",
"account": "000099",
"environment": "DEV",
"configuration_type": "table-to-table",
"configuration_id": "000099_iowa_liquor_prepare_pda_DEV",
"job_id": "gbq-to-gbq|000099_iowa_liquor_prepare_pda_DEV",
"run_id": "20201230-112837-0a795c70-2557-4a60-ba16-788aa2bea179"}' \
"${TAILER_URL}/v1/dag/status"
"""

TAILER_LAST_OF_JOB = r"""
curl --request POST \
--http2 \
--header "content-type:application/json" \
--header "Authorization: Bearer ${TAILER_API_JWT}" \
--data '{ "action": "get_last_status",
"account": "000099",
"environment": "DEV",
"configuration_type": "table-to-table",
"configuration_id": "000099_iowa_liquor_prepare_pda_DEV"}' \
"${TAILER_URL}/v1/dag/status"
"""

TAILER_LAST_OF_CONFIGURATION = r"""
curl --request POST \
--http2 \
--header "content-type:application/json" \
--header "Authorization: Bearer ${TAILER_API_JWT}" \
--data '{ "action": "get_last_status",
"account": "000099",
"environment": "DEV",
"configuration_type": "storage-to-storage",
"configuration_id": "000099-jarvis-demo-iowa-liquor-storage-to-storage"}' \
"${TAILER_URL}/v1/dag/status"
"""

TAILER_LAST_FILTERED = r"""
curl --request POST \
--http2 \
--header "content-type:application/json" \
--header "Authorization: Bearer ${TAILER_API_JWT}" \
--data '{ "action": "get_last_status",
"account": "000099",
"environment": "DEV",
"configuration_type": "storage-to-storage",
"configuration_id": "000099-jarvis-demo-iowa-liquor-storage-to-storage",
"execution_date": "2020-12-09",
"status": "SUCCESS",
"limit": 2}' \
"${TAILER_URL}/v1/dag/status"
"""

TAILER_RESET = r"""
curl --request POST \
--http2 \
--header "content-type:application/json" \
--header "Authorization: Bearer ${TAILER_API_JWT}" \
--data '{ "action": "reset_workflow_status",
"account": "000099",
"environment": "DEV",
"configuration_type": "workflow",
"configuration_id": "000099-iowa-liquor-load-pda"}' \
"${TAILER_URL}/v1/workflow/status"
"""

TAILER_DISABLE = r"""
curl --request POST \
--http2 \
--header "content-type:application/json" \
--header "Authorization: Bearer ${TAILER_API_JWT}" \
--data '{ "action": "set_configuration_status",
"activated" : false,
"archived" : false,
"account": "000099",
"environment": "DEV",
"configuration_type": "table-to-table",
"configuration_id": "000099_Load_PDA_f_traffic_ma_DEV"}' \
"${TAILER_URL}/v1/configuration/status"
"""

TAILER_ENABLE = r"""
curl --request POST \
--http2 \
--header "content-type:application/json" \
--header "Authorization: Bearer ${TAILER_API_JWT}" \
--data '{ "action": "set_configuration_status",
"activated" : true,
"archived" : false,
"account": "000099",
"environment": "DEV",
"configuration_type": "table-to-table",
"configuration_id": "000099_Load_PDA_f_traffic_ma_DEV"}' \
"${TAILER_URL}/v1/configuration/status"
"""

TAILER_ARCHIVE = r"""
curl --request POST \
--http2 \
--header "content-type:application/json" \
--header "Authorization: Bearer ${TAILER_API_JWT}" \
--data '{ "action": "set_configuration_status",
"activated" : false,
"archived" : true,
"account": "000099",
"environment": "DEV",
"configuration_type": "table-to-table",
"configuration_id": "000099_Load_PDA_f_traffic_ma_DEV"}' \
"${TAILER_URL}/v1/configuration/status"
"""
