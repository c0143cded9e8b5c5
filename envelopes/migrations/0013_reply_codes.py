from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('fukan', '0012_provenance')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Staff',
            name='reply_enrolment',
            field=fields.IntField(db_default=0),
        ),
        ops.AddField(
            model_name='Credential',
            name='used_by',
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name='Credential',
            name='wrong',
            field=fields.IntField(db_default=0),
        ),
        ops.AddField(
            model_name='Credential',
            name='wrong_on',
            field=fields.DateField(null=True),
        ),
    ]
