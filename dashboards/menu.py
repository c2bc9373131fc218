"""Every page there is: its address, its title, the roles it is for. What a role may see is the policy's business."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from dashboards.administrator import (
    audit,
    credentials,
    health,
    identities,
    models,
    people,
    rights,
    sections,
    sources,
    system,
)
from dashboards.analyst import catalogue, sql
from dashboards.guardian import children
from dashboards.principal import achievements, growth, one_class, school
from dashboards.reports import pages as reports
from dashboards.student import careers as student_careers
from dashboards.student import journal as student_journal
from dashboards.student import quiz as student_quiz
from dashboards.student import skills as student_skills
from dashboards.student import start as student_start
from dashboards.student import term as student_term
from dashboards.teacher import engagement as teacher_engagement
from dashboards.teacher import materials as teacher_materials
from dashboards.teacher import questions as teacher_questions
from dashboards.teacher import skills as teacher_skills
from dashboards.teacher import start as teacher_start
from dashboards.teacher import student as teacher_student
from dashboards.visit import Visit

TEACHING = ("teacher", "assistant")


@dataclasses.dataclass(frozen=True)
class PageSpec:
    """One page: `path` is its address, `roles` may open it, `in_menu` is false for pages reached by a link."""

    path: str
    title: str
    icon: str
    roles: tuple[str, ...]
    render: Callable[[Visit], None]
    in_menu: bool = True


PAGES = (
    PageSpec("teacher", "Who needs you", ":material/priority_high:", TEACHING, teacher_start.render),
    PageSpec("teacher-skills", "Skills", ":material/grid_on:", TEACHING, teacher_skills.render),
    PageSpec(
        "teacher-engagement", "Engagement", ":material/show_chart:", TEACHING, teacher_engagement.render
    ),
    PageSpec("teacher-questions", "Questions", ":material/help_center:", TEACHING, teacher_questions.render),
    PageSpec("teacher-materials", "Materials", ":material/play_lesson:", TEACHING, teacher_materials.render),
    PageSpec("teacher-student", "One student", ":material/person:", TEACHING, teacher_student.render),
    PageSpec("teacher-reports", "Reports", ":material/picture_as_pdf:", TEACHING, reports.render_teacher),
    PageSpec("student", "What next", ":material/flag:", ("student",), student_start.render),
    PageSpec("student-skills", "My skills", ":material/checklist:", ("student",), student_skills.render),
    PageSpec("student-quiz", "Practise", ":material/quiz:", ("student",), student_quiz.render),
    PageSpec("student-term", "My term", ":material/calendar_month:", ("student",), student_term.render),
    PageSpec("student-careers", "Careers", ":material/work:", ("student",), student_careers.render),
    PageSpec("student-journal", "My journal", ":material/lock:", ("student",), student_journal.render),
    PageSpec("guardian", "My children", ":material/family_restroom:", ("guardian",), children.render),
    PageSpec("principal", "My school", ":material/school:", ("principal",), school.render),
    PageSpec("principal-class", "One class", ":material/groups:", ("principal",), one_class.render),
    PageSpec("principal-growth", "Growth", ":material/trending_up:", ("principal",), growth.render),
    PageSpec(
        "principal-achievements",
        "Achievements",
        ":material/trophy:",
        ("principal",),
        achievements.render,
    ),
    PageSpec(
        "principal-reports", "Reports", ":material/picture_as_pdf:", ("principal",), reports.render_principal
    ),
    PageSpec("administrator", "Health", ":material/monitor_heart:", ("administrator",), health.render),
    PageSpec("administrator-sources", "Sources", ":material/rule:", ("administrator",), sources.render),
    PageSpec(
        "administrator-people", "People", ":material/manage_accounts:", ("administrator",), people.render
    ),
    PageSpec(
        "administrator-identities", "Who is who", ":material/join:", ("administrator",), identities.render
    ),
    PageSpec(
        "administrator-rights", "Consent and rights", ":material/gavel:", ("administrator",), rights.render
    ),
    PageSpec("administrator-audit", "Audit trail", ":material/policy:", ("administrator",), audit.render),
    PageSpec(
        "administrator-sections", "Sections", ":material/person_add:", ("administrator",), sections.render
    ),
    PageSpec(
        "administrator-credentials", "Credentials", ":material/key:", ("administrator",), credentials.render
    ),
    PageSpec("administrator-models", "Models", ":material/monitoring:", ("administrator",), models.render),
    PageSpec("administrator-system", "System", ":material/dns:", ("administrator",), system.render),
    PageSpec("analyst", "SQL", ":material/terminal:", ("analyst",), sql.render),
    PageSpec("analyst-catalogue", "Catalogue", ":material/menu_book:", ("analyst",), catalogue.render),
)
