select tenant, school_key, parent_school_key, type, title
from {{ source('people', 'organisation') }}
