"""What the sample school teaches: subjects, courses, the skill tree, the year's plan of units, quizzes and deadlines.

Pure data. Knows no students and no classes; its form as CSV is `catalogue`'s business.
"""

from __future__ import annotations

import dataclasses
import datetime as dt

from sources import profile

HOME_PAGE = "https://sample-school.example"
GRADES = (9, 10, 11, 12)
TERMS = 3
TERM_WEEKS = 12
BREAK_WEEKS = 2
UNITS_PER_TERM = 3
UNIT_WEEKS = TERM_WEEKS // UNITS_PER_TERM
ITEMS_PER_QUIZ = 4
QUIZ_WEEKS = (2, 4, 6, 8, 10, 12)
ASSIGNMENT_WEEK = 6
EXAM_WEEK = 12
QUIZ_WEIGHT, ASSIGNMENT_WEIGHT, EXAM_WEIGHT = 8.0, 20.0, 32.0
LESSON_MINUTES, VIDEO_SECONDS = 25, 420

PREREQUISITES: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (1,), (2, 3), (4,), (4,), (5, 6), (7,))
"""Within a course of nine skills: the skills that each builds on."""
LEADS_ON = 7
"""The skill of a course that the next grade's first skill builds on."""

_PLAN: dict[str, list[tuple[str, str]]] = {
    "Mathematics": [
        (
            "Algebra I",
            "Integers and order of operations|Expressions and like terms|One-step equations|Multi-step equations|"
            "Linear inequalities|Functions and their graphs|Slope and intercept|Systems of linear equations|Factoring polynomials",
        ),
        (
            "Geometry",
            "Points, lines and angles|Parallel lines and transversals|Triangle congruence|Proof by deduction|"
            "Similarity and scale|Right triangles|Circles and arcs|Area and volume|Coordinate geometry",
        ),
        (
            "Algebra II",
            "Quadratic equations|Completing the square|Complex numbers|Polynomial division|Rational expressions|"
            "Radical equations|Exponential growth|Logarithms|Sequences and series",
        ),
        (
            "Precalculus",
            "Composite and inverse functions|Unit circle|Trigonometric graphs|Trigonometric identities|Vectors|"
            "Polar coordinates|Conic sections|Limits|Rates of change",
        ),
    ],
    "English": [
        (
            "English 9",
            "Finding the main idea|Citing evidence|Narrative voice|Character and motive|Paragraph structure|"
            "Thesis statements|Figurative language|Comparing two texts|Revising a draft",
        ),
        (
            "English 10",
            "Theme and symbol|Argument and claim|Counter-arguments|Sentence variety|Tone and diction|"
            "Persuasive essays|Dramatic structure|Reading Shakespeare|Literary analysis",
        ),
        (
            "English 11",
            "Rhetorical devices|Evaluating sources|Synthesising sources|Reading poetry|American voices|"
            "Irony and satire|Research questions|The research paper|Oral argument",
        ),
        (
            "English 12",
            "Narrative perspective|Critical lenses|Post-colonial fiction|Style and syntax|Abstract and summary|"
            "Advanced citation|Comparative analysis|The long essay|Defending an argument",
        ),
    ],
    "Biology": [
        (
            "Life Science",
            "Scientific method|Cells and organelles|Cell transport|Photosynthesis|Cellular respiration|Mitosis|"
            "Tissues and organs|Ecosystems|Food webs",
        ),
        (
            "Biology",
            "Macromolecules|Enzymes|DNA structure|DNA replication|Protein synthesis|Meiosis|Mendelian inheritance|"
            "Punnett squares|Pedigrees",
        ),
        (
            "Genetics and Evolution",
            "Gene regulation|Mutations|Natural selection|Genetic drift|Speciation|Phylogenetic trees|"
            "Population genetics|Hardy-Weinberg equilibrium|Biotechnology",
        ),
        (
            "Human Biology",
            "Homeostasis|Nervous system|Endocrine system|Circulation|Gas exchange|Digestion|Excretion|"
            "Immune response|Disease and epidemiology",
        ),
    ],
    "History": [
        (
            "World History I",
            "Reading timelines|Primary and secondary sources|River civilisations|Classical Greece|The Roman Republic|"
            "Fall of Rome|Rise of Islam|Medieval trade|Causes of the Renaissance",
        ),
        (
            "World History II",
            "Age of exploration|The Atlantic slave trade|Absolutism|The Enlightenment|The French Revolution|"
            "Industrial revolution|Nationalism|Imperialism|Causes of the First World War",
        ),
        (
            "American History",
            "Colonial society|The Constitution|Westward expansion|Sectional conflict|Reconstruction|"
            "The Progressive Era|The New Deal|Civil rights movement|Weighing historical claims",
        ),
        (
            "The Modern World",
            "Rise of dictatorships|The Second World War|The Holocaust|Origins of the Cold War|Decolonisation|"
            "The arms race|Fall of the Soviet Union|Globalisation|Contemporary conflicts",
        ),
    ],
}
SUBJECTS = tuple(_PLAN)
_CODES = {"Mathematics": "MAT", "English": "ENG", "Biology": "BIO", "History": "HIS"}


@dataclasses.dataclass(frozen=True, slots=True)
class Course:
    """A year-long course of one subject and grade. `skills`: nine titles, three per term in the order taught."""

    subject: str
    grade: int
    title: str
    skills: tuple[str, ...]

    @property
    def course_id(self) -> str:
        return f"{_CODES[self.subject]}-{self.grade:02d}"

    @property
    def iri(self) -> str:
        return profile.course_iri(HOME_PAGE, self.course_id)

    def skill_id(self, index: int) -> str:
        return f"{self.course_id}-S{index + 1}"

    def unit_id(self, index: int) -> str:
        return f"{self.course_id}-U{index + 1}"

    def lesson_id(self, term: int, week: int) -> str:
        return f"{self.course_id}-T{term + 1}-L{week:02d}"

    def lesson_title(self, term: int, week: int) -> str:
        unit, part = divmod(week - 1, UNIT_WEEKS)
        return f"{self.skills[term * UNITS_PER_TERM + unit]}, lesson {part + 1}"

    def video_id(self, term: int, week: int) -> str:
        return f"{self.course_id}-T{term + 1}-V{week:02d}"

    def item_id(self, term: int, quiz: int, item: int) -> str:
        """All classes of the course meet the same items."""
        return f"{self.course_id}-T{term + 1}-q{quiz}-i{item + 1}"

    def item_skills(self, term: int, quiz: int, item: int) -> tuple[int, ...]:
        """Indices of the skills that an item exercises. A unit's second quiz ends with a review of what it builds on.

        In Mathematics the last quiz of a term ends with one item that needs both skills at once.
        """
        unit, second = divmod(quiz - 1, 2)
        skill = term * UNITS_PER_TERM + unit
        if not second or item < ITEMS_PER_QUIZ - 1 or not PREREQUISITES[skill]:
            return (skill,)
        before = PREREQUISITES[skill][-1]
        return (before, skill) if self.subject == "Mathematics" and quiz == len(QUIZ_WEEKS) else (before,)


COURSES = tuple(
    Course(subject, grade, title, tuple(skills.split("|")))
    for subject, years in _PLAN.items()
    for grade, (title, skills) in zip(GRADES, years, strict=True)
)


@dataclasses.dataclass(frozen=True, slots=True)
class Assessment:
    """Something to hand in: the slot in the term's plan, the week it is due (on Friday), its share of the mark."""

    slot: str
    title: str
    week: int
    weight: float


ASSESSMENTS = (
    *(Assessment(f"q{n}", f"Quiz {n}", week, QUIZ_WEIGHT) for n, week in enumerate(QUIZ_WEEKS, 1)),
    Assessment("assignment", "Assignment", ASSIGNMENT_WEEK, ASSIGNMENT_WEIGHT),
    Assessment("exam", "Final exam", EXAM_WEEK, EXAM_WEIGHT),
)


def term_starts(today: dt.date) -> tuple[dt.date, ...]:
    """Mondays on which the three terms start, such that `today` lies in week 8 (days 49..55) of the third."""
    third = today - dt.timedelta(days=49 + today.weekday())
    span = dt.timedelta(weeks=TERM_WEEKS + BREAK_WEEKS)
    return third - 2 * span, third - span, third


def due_date(start: dt.date, week: int) -> dt.date:
    """The Friday of `week` (1-based) of the term that starts on `start`."""
    return start + dt.timedelta(days=7 * (week - 1) + 4)


def has_video(week: int) -> bool:
    """The first and the third lesson of each unit come with a video."""
    return (week - 1) % 2 == 0


def item_title(course: Course, term: int, quiz: int, item: int) -> str:
    """What teachers see of an item: its skills, the quiz and its place in it."""
    skills = " and ".join(course.skills[skill] for skill in course.item_skills(term, quiz, item))
    return f"{skills} (quiz {quiz}, question {item + 1})"
