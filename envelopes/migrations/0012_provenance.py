from tortoise import migrations
from tortoise.migrations import operations as ops
from envelopes.records.fields import Utc
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('fukan', '0011_applications')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Mail',
            name='whole',
            field=fields.BooleanField(db_default=True),
        ),
        ops.AddField(
            model_name='Mail',
            name='proof',
            field=fields.CharField(null=True, max_length=40),
        ),
        ops.AddField(
            model_name='Mail',
            name='proof_key',
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddField(
            model_name='Sighting',
            name='failed_at',
            field=Utc(null=True, auto_now=False, auto_now_add=False),
        ),
    ]
