from tortoise import migrations
from tortoise.migrations import operations as ops
from envelopes.records.fields import Sealed, Utc
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('fukan', '0010_dead_addresses')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Application',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('ref', fields.CharField(unique=True, max_length=16)),
                ('number', fields.CharField(null=True, unique=True, max_length=40)),
                ('door', fields.CharField(max_length=20)),
                ('stage', fields.CharField(max_length=20)),
                ('company', fields.CharField(max_length=200)),
                ('company_search', fields.CharField(max_length=200)),
                ('office', fields.CharField(max_length=100)),
                ('person', Sealed(unique=False)),
                ('email', Sealed(unique=False)),
                ('email_look_up', fields.CharField(max_length=64)),
                ('kind', fields.CharField(max_length=20)),
                ('reason', Sealed(null=True, unique=False)),
                ('language', fields.CharField(db_default='ja', max_length=8)),
                ('previous', Sealed(null=True, unique=False)),
                ('replaces_id', fields.BigIntField(null=True)),
                ('terms_version', fields.CharField(null=True, max_length=20)),
                ('terms', fields.TextField(null=True, unique=False)),
                ('agreed_at', Utc(null=True, auto_now=False, auto_now_add=False)),
                ('note', Sealed(null=True, unique=False)),
                ('serial', fields.IntField(db_default=0)),
                ('wrong', fields.IntField(db_default=0)),
                ('sent_at', Utc(null=True, auto_now=False, auto_now_add=False)),
                ('proved_at', Utc(null=True, auto_now=False, auto_now_add=False)),
                ('registrar', fields.ForeignKeyField('fukan.Staff', source_field='registrar_id', null=True, db_constraint=True, to_field='id', related_name='taken_up', on_delete=OnDelete.RESTRICT)),
                ('approver', fields.ForeignKeyField('fukan.Staff', source_field='approver_id', null=True, db_constraint=True, to_field='id', related_name='decided', on_delete=OnDelete.RESTRICT)),
                ('call_back', Sealed(null=True, unique=False)),
                ('answer', Sealed(null=True, unique=False)),
                ('decided_at', Utc(null=True, auto_now=False, auto_now_add=False)),
                ('contact_id', fields.BigIntField(null=True)),
                ('created_at', Utc(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'applications', 'app': 'fukan', 'indexes': [Index(fields=['stage', 'created_at']), Index(fields=['email_look_up', 'stage'])], 'pk_attr': 'id', 'table_description': 'An address that somebody wishes to have in the registry (申請), until staff have decided about it.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Contact',
            name='application_id',
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name='Contact',
            name='withdrawn_at',
            field=Utc(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Contact',
            name='works_until',
            field=Utc(null=True, auto_now=False, auto_now_add=False),
        ),
    ]
