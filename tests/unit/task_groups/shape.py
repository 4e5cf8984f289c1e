"""What a test asks about the tasks of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import TaskGroup


def order(group: TaskGroup) -> dict[str, set[str]]:
    """Return the ids of the tasks before each task of a group, without the group's id."""
    prefix = f"{group.group_id}."
    return {
        task_id.removeprefix(prefix): {before.removeprefix(prefix) for before in task.upstream_task_ids}
        for task_id, task in group.children.items()
    }


def task(group: TaskGroup, name: str) -> Any:
    """Return a task of a group."""
    return group.children[f"{group.group_id}.{name}"]


def argument(group: TaskGroup, name: str, which: str) -> Any:
    """Return an argument of a task, also of a mapped task."""
    found = task(group, name)
    return found.partial_kwargs[which] if found.is_mapped else getattr(found, which)
