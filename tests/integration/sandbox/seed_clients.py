"""The vendors' own example programs. The only change: their base URLs are global variables.

They show that the sandbox accepts what the platforms accept. So do not change or tidy up anything below.
Quantemplate: "Straight-Through Processing". Tamr: "Coordinating Data Product Refresh via API".
"""
# ruff: noqa: E501, RET507, RUF015, S113, T201

from __future__ import annotations

import time

import requests

QUANTEMPLATE_URL = "https://fabric.prod.quantemplate.com/external/v1"
QUANTEMPLATE_TOKEN_URL = "https://accounts.prod.quantemplate.com/auth/realms/qt/protocol/openid-connect/token"
TAMR_URL = "https://my-tenant.tamr.cloud"

# fmt: off

# this class is a small example client for making multiple calls to the API
class ApiClient:
    def __init__(self, user_id, secret):
        self.user_id = user_id
        self.secret = secret
        self.base_endpoint = QUANTEMPLATE_URL

    def authenticate(self):
        auth_result = requests.post(QUANTEMPLATE_TOKEN_URL, data = {
            'grant_type': 'client_credentials',
            'client_id': self.user_id,
            'client_secret': self.secret
        }).json()
        self.access_token = auth_result['access_token']

    def _headers(self):
        return { 'Authorization': f'Bearer {self.access_token}' }

    def download_dataset(self, org_id, dataset_id):
        print(f'Downloading dataset {dataset_id}')
        url = f'{self.base_endpoint}/organisations/{org_id}/datasets/{dataset_id}'
        return requests.get(url, headers = self._headers()).content.decode('utf-8')

    def download_execution_output(self, org_id, pipeline_id, execution_id, output_id):
        print(f'Downloading output {output_id} for execution {execution_id}')
        url = f'{self.base_endpoint}/organisations/{org_id}/pipelines/{pipeline_id}/executions/{execution_id}/outputs/{output_id}'
        return requests.get(url, headers = self._headers()).content.decode('utf-8')

    def upload_dataset(self, org_id, dataset_id, file_path):
        print(f'Uploading {file_path} to dataset {dataset_id}')
        url = f'{self.base_endpoint}/organisations/{org_id}/datasets/{dataset_id}'
        with open(file_path, mode='rb') as f:
            return requests.post(url, data = f, headers = self._headers())

    def list_executions(self, org_id, pipeline_id):
        print(f'Listing executions for pipeline {pipeline_id}')
        url = f'{self.base_endpoint}/organisations/{org_id}/pipelines/{pipeline_id}/executions'
        return requests.get(url, headers = self._headers()).json()

    def execute_pipeline(self, org_id, pipeline_id):
        print(f'Executing pipeline {pipeline_id}')
        url = f'{self.base_endpoint}/organisations/{org_id}/pipelines/{pipeline_id}/executions'
        response = requests.post(url, headers = self._headers()).json()
        execution_id = response['id']
        print(f'Executed pipeline {pipeline_id} with execution {execution_id}')
        return execution_id

    def get_execution(self, org_id, pipeline_id, execution_id):
        executions = self.list_executions(org_id, pipeline_id)
        return [e for e in executions if e['id'] == execution_id][0]

    def wait_for_execution_to_finish(self, org_id, pipeline_id, execution_id):
        while (True):
            execution = self.get_execution(org_id, pipeline_id, execution_id)
            if (execution['status'] == 'Started'):
                time.sleep(1)
            else:
                return execution


# this method uses the API client to upload, run, and download
def run(user_id, client_secret, org_id, pipeline_input_id, pipeline_id, pipeline_input_file):
    api = ApiClient(user_id, client_secret)
    # authentication is necessary before interacting with the API
    api.authenticate()
    api.upload_dataset(org_id, pipeline_input_id, pipeline_input_file)
    # our execute_pipeline client method returns us the execution id
    execution_id = api.execute_pipeline(org_id, pipeline_id)
    # this method polls the endpoint every second and returns the execution object
    execution = api.wait_for_execution_to_finish(org_id, pipeline_id, execution_id)
    status = execution['status']
    if (status != 'Succeeded'):
        print(f'Pipeline execution failed: {status}')
        return
    # our pipeline is configured to have exactly one output
    output_id = execution['outputs'][0]['id']
    # once we have the output id we can download it
    output = api.download_execution_output(org_id, pipeline_id, execution_id, output_id)
    # in this example app we simply print the output to the screen.
    # we could just as easily write it to a file, or parse and upload to a SQL database
    print(output)


def poll_job(
    job_id: str,
    tenant_name: str,
    tamr_api_session: requests.Session,
    polling_interval_seconds: int = 30,
    timeout_hours: int = 2
):
    """Example function for polling a job.

    Arguments:
        job_id (str): The ID of the job to poll.
        tenant_name (str): the name of your tenant
        tamr_api_session: A Requests Session object pointed at your Tamr Tenant
        polling_interval_seconds (int): The number of seconds to wait between each API call
        timeout_hours (int): The number of hours to wait for a job to complete
                             until giving up and declaring failure.

    Returns:
        None

    Raises:
        RuntimeError
    """

    polling_start = time.time()

    while (time.time() - polling_start)/3600 < timeout_hours:
        r = tamr_api_session.get(f"{TAMR_URL}/api/v1beta1/jobs/{job_id}")
        r.raise_for_status()
        job_info = r.json()
        job_state = job_info["status"]["state"]

        # check current state of the job
        if job_state in ['PENDING', 'RUNNING', 'STOPPING']:
            time.sleep(polling_interval_seconds)
            continue

        elif job_state == 'DONE':
            # check for error state in the job payload
            if "error" in job_info["status"] and job_info["status"]["error"]:
                error = job_info["status"]["error"]
                error_reason = error["reason"]
                error_message = error["message"]
                raise RuntimeError(f"The job with ID {job_id} failed with reason: \n {error_reason}\n\nAnd message: {error_message}")

            # if there is no error then it was successful so just return
            return

    # if we've gotten this far we've exceed the timeout
    raise RuntimeError(f"The job with ID {job_id} exceed the timeout of {timeout_hours} hours.")


def refresh_source(
    source_id: str,
    tenant_name: str,
    tamr_api_session: requests.Session,
    wait: bool = True
) -> str:
    """Example function for refreshing a source.

    Arguments:
        source_id (str): The ID of the source to refresh
        tenant_name (str): the name of your tenant
        tamr_api_session: A Requests Session object pointed at your Tamr tenant
        wait (bool): When True, wait for the refresh job to finish

    Returns:
        the ID of the job created
    """

    # craft the json payload and assert we had a successful response
    payload = {"configuration": {"load": {"sourceId": source_id}}}
    load_request = tamr_api_session.post(f"{TAMR_URL}/api/v1beta1/jobs", json=payload)
    load_request.raise_for_status()
    load_response = load_request.json()
    job_id = load_response["jobId"]

    # if set to wait, then wait for the job to finish
    if wait:
        poll_job(job_id, tenant_name, tamr_api_session)

    return job_id


def refresh_data_product(
    data_product_id: str,
    tenant_name: str,
    tamr_api_session: requests.Session,
    wait: bool = True
) -> str:
    """Example function for updating a data product.

    Arguments:
        data_product_id (str): The ID of the data product to refresh
        tenant_name (str): the name of your tenant
        tamr_api_session: A Requests Session object pointed at your Tamr tenant
        wait (bool): When True, wait for the refresh job to finish

    Returns:
        the ID of the job created
    """


    # craft the json payload and assert we had a successful response
    payload = {"configuration": {"update": {"dataProductId": data_product_id}}}
    load_request = tamr_api_session.post(f"{TAMR_URL}/api/v1beta1/jobs", json=payload)
    load_request.raise_for_status()
    load_response = load_request.json()
    job_id = load_response["jobId"]

    # if set to wait, then wait for the job to finish
    if wait:
        poll_job(job_id, tenant_name, tamr_api_session)

    return job_id

def refresh_search_index(
    workflow_id: str,
    tenant_name: str,
    tamr_api_session: requests.Session,
    wait: bool = True
) -> str:
    """Example function for updating a RealTime Search Index.

    Arguments:
        work_flow_id (str): The ID of the loadToSorFromDataProduct workflow to run
        tenant_name (str): the name of your tenant
        tamr_api_session: A Requests Session object pointed at your Tamr tenant
        wait (bool): When True, wait for the refresh job to finish

    Returns:
        the ID of the job created
    """


    # craft the json payload and assert we had a successful response
    payload = {"configuration": {"update": {"workflowId": workflow_id}}}
    load_request = tamr_api_session.post(f"{TAMR_URL}/api/v1beta1/jobs", json=payload)
    load_request.raise_for_status()
    load_response = load_request.json()
    job_id = load_response["jobId"]

    # if set to wait, then wait for the job to finish
    if wait:
        poll_job(job_id, tenant_name, tamr_api_session)

    return job_id


def refresh_output(
    destination_id: str,
    data_product_id: str,
    tenant_name: str,
    tamr_api_session: requests.Session,
    wait: bool = True
) -> str:
    """Example function for publishing a new batch output from Tamr.

    Arguments:
        destination_id (str): The ID of the publish configuration to run
        data_product_id (str): The ID of the data product output to refresh
        tenant_name (str): the name of your tenant
        tamr_api_session: A Requests Session object pointed at your Tamr tenant
        wait (bool): When True, wait for the refresh job to finish

    Returns:
        the ID of the job created
    """


    # craft the json payload and assert we had a successful response
    payload = {"configuration": {"publish": {"destinationId": destination_id, "dataProductId": data_product_id}}}
    load_request = tamr_api_session.post(f"{TAMR_URL}/api/v1beta1/jobs", json=payload)
    load_request.raise_for_status()
    load_response = load_request.json()
    job_id = load_response["jobId"]

    # if set to wait, then wait for the job to finish
    if wait:
        poll_job(job_id, tenant_name, tamr_api_session)

    return job_id


def run_end_to_end():
    # Write down the IDs we will need
    source_ids = ['a', 'list', 'of', 'source', 'IDs']
    data_product_id = 'dp_xyz'
    workflow_id = 'flow_xyz'
    destination_id = 'xyz'
    tenant_name = 'my-tenant'

    # for this example, and in general, we recommend waiting for each job to complete before starting the next
    wait = True

    # create our tamr session
    tamr_session = requests.Session()
    tamr_session.headers.update({'X-API-KEY': 'apk_xyz'})

    # update our sources
    print("Updating sources")
    for source_id in source_ids:
        print("\tUpdating source with id {source_id}")
        refresh_source(source_id, tenant_name, tamr_session, wait=wait)

    # refresh our data product
    print("Updating data product")
    refresh_data_product(data_product_id, tenant_name, tamr_session, wait=wait)

    # update our search index
    print("Updating SOR")
    refresh_search_index(workflow_id, tenant_name, tamr_session, wait=wait)

    # publish our data out
    print(f"Publishing output to {destination_id}")
    refresh_output(destination_id, data_product_id, tenant_name, tamr_session, wait=wait)

    # success!
    print("Completed updating our Tamr Pipeline!")
