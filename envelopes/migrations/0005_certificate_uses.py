from tortoise import migrations
from tortoise.migrations import operations as ops
from envelopes.records.fields import Utc
from tortoise.fields.base import OnDelete
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('fukan', '0004_verifications')]

    initial = False

    operations = [
        ops.CreateModel(
            name='CertificateUse',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('envelope', fields.ForeignKeyField('fukan.Envelope', source_field='envelope_id', db_constraint=True, to_field='id', on_delete=OnDelete.CASCADE)),
                ('sha256', fields.CharField(max_length=64)),
                ('at', Utc(auto_now=False, auto_now_add=False)),
                ('done_at', Utc(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'certificate_uses', 'app': 'fukan', 'pk_attr': 'id', 'table_description': 'Written before the signing key seals a completion certificate, `done_at` when that was committed.'},
            bases=['Model'],
        ),
    ]
