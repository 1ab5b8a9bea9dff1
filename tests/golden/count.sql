select count(*)
from session s
where s.account_id = $1
and (((s.conversation_quality is not null and s.conversation_quality >= $2::integer)) is not true)
and (((s.is_lead)) or ((s.tags && $3)))
