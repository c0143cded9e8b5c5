from tortoise import migrations
from tortoise.migrations import operations as ops
from envelopes.records.fields import Sealed, Utc
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('fukan', '0003_plans')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Verification',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('ref', fields.CharField(unique=True, max_length=16)),
                ('file', fields.ForeignKeyField('fukan.File', source_field='file_id', null=True, db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('result', Sealed(null=True, unique=False)),
                ('created_at', Utc(auto_now=False, auto_now_add=False)),
                ('done_at', Utc(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'verifications', 'app': 'fukan', 'indexes': [Index(fields=['created_at'])], 'pk_attr': 'id', 'table_description': "A stranger's PDF that is to be judged, and for some minutes what was found. The result is kept as JSON."},
            bases=['Model'],
        ),
    ]
