from tortoise import migrations
from tortoise.migrations import operations as ops
from envelopes.records.fields import Utc
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('fukan', '0014_remind_on')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Proof',
            name='factor',
            field=fields.CharField(null=True, max_length=20),
        ),
        ops.AddField(
            model_name='Proof',
            name='factor_at',
            field=Utc(null=True, auto_now=False, auto_now_add=False),
        ),
    ]
